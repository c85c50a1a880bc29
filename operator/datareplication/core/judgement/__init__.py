"""What is known of a DataReplication and its runs, and the one judgement of it: (`Subject`, now) -> `Problem`s. Pure.

The board and the plugin only show it. `health.py` says how old data is, `causes.py` why, `problems.py` puts it
together.
"""
