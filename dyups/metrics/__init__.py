"""What is told to the outside about what happened: logs now, counters in exposition formats later.

errorlog   ``error_log``: Twisted's log events in nginx's line form
"""
