"""An HTTP server for strangers: what it reads is bounded in bytes, pieces, time, connections and memory.

It knows no Receiver. An `Application` says whether a request may go on, and what it is answered.
"""
