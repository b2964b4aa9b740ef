"""Active health checks: servers are asked from time to time, and one that fails is not sent requests.

    verdict    rise and fall: from the outcomes of checks to up or down
    probes     what each type of check sends, and which answers are good
    answers    where an HTTP answer ends, so that its connection can carry the next check
    schedule   what is due when, on one timer
    wire       the socket of a check
    polls      when a socket can be read or written
    link       one connection to a server that is checked, and what is said on it
    target     one server under check: its cycle from one check to the next
    checker    all of them: which are there, how many connections at once, who hears of changes

No upstream is known here: ``workers.checking`` tells the checker which addresses to check, and takes what it finds to
the data planes, where ``upstream.verdicts`` has it seen by the balancers.  The rules are those of Tengine's
``ngx_http_upstream_check_module``.
"""
