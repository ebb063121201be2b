"""YAML streams as trees whose nodes know where they stand in the file.

For those who ask what a repository says and where it says so: `adoption` and `lint`. Nothing is written here, and no
tag makes a Python object. Pure. Parsed by the same parser as markers (`controllers.setters.parser`).
"""
