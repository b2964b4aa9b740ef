"""Side by side: what a proxied request costs here, and what it costs in the servers one could take instead.

    run        the command: which workloads, in which order, within which time
    workloads  what is asked for: (a) to (e) and (g), as data for ``wrk``
    contest    one workload over all subjects, interleaved, round by round
    idle       (f): memory of connections that do nothing, and load beside them
    updates    (h) and (i): changes at run time, with many upstreams present, and under load
    subjects   the proxies, how each is configured and started
    nginxconf  the configuration that nginx and dyups read alike
    stock      the two proxies that are Python programs of a few lines
    backend    the server behind all of them
    load       ``wrk``: started, its report read
    client     a client of one connection: for updates and idle connections
    measure    processor time and memory of a tree of processes, from /proc
    processes  starting, waiting, ending
    machine    cores, tools, ports, the conditions of a run
    figures    medians, spreads, ratios
    report     results as JSON and Markdown; ``plot`` as a picture

Nothing here is imported by ``dyups``, and nothing that is timed here is a test.
"""
