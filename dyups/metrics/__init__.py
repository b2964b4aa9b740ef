"""What is told to the outside about what happened: logs now, counters in exposition formats later.

errorlog   ``error_log``: Twisted's log events in nginx's line form
errorfile  where they go: files, syslog
accesslog  ``access_log``: which lines go to which log
logformat  ``log_format``: an exchange as a line
syslog     logs as datagrams
logfile    the files of access logs, written in batches
"""
