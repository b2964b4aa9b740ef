"""Processes, and the only place that wires everything.

The master's side:

    master         the service: configuration, sockets, every change, signals, reload
    reloading      another configuration, or an error that is told
    truth          the map that files give, at start and at a reload
    crew           the workers of one configuration, each in its place, replaced when they end
    child          one worker process, as the master sees it
    publisher      changes to every worker: shared zones and doorbells
    ledgers        the memory in which workers count together
    spawn          starts a worker process with what it inherits
    sockets        the listening sockets, kept across respawns and reloads

The worker's side:

    entry          where the process begins
    worker         follows the master, serves, ends

Both sides:

    link           the control channel: what is said on it
    frames, words  what every change takes, and what is rare
    channel        what both ends of it are made of
    snapshot       what a worker begins with
    configuration  a configuration, read by the master and built again by workers
    certificates   what TLS needs of files, read and tried with the configuration
    serving        the data plane, wired
    stapling       asks OCSP responders
    claim          one process for one dump file
    storing        what is on disk, wired
    diskthread     the thread that changes wait for
    notify         systemd hears of it
    privileges     the user that workers become
    early          TERM and INT, from the first moment to the last
    signals, titles, pidfile, listening, dialing

    process        one process that does it all (``master_process off``)
"""
