"""A model of what the three controllers should do, played beside them through random histories.

`model` says what the end of each step has to be, `choosing` which tag; they share no code with the product. `steps` are
the things that happen: tags come and go, people edit specs and commit, servers fail, processes are killed. `player`
takes a history, lets it happen to the model and to a world with the real controllers (`embedded`: in this process, on
the embedded API and a virtual clock; `e2e.modelled`: three processes at a real API server), and compares after each
step. `machine` makes histories up and shrinks those that fail.
"""
