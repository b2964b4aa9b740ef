"""The data plane: from an accepted connection to a forwarded request and back.

    listener     one listening address: accepts, knows its servers
    downstream   a client's connection, the half that takes in: heads and bodies
    phases       a request through nginx's phases, and elsewhere within the server
    answering    the half that gives out: answers, keep-alive
    pace         what holds for a connection whatever it serves: back-pressure, limits, its end
    exchange     one request and what became of it; what variables read
    route        which server, which location; compiled once from the settings
    steps        the rewrite phase
    rewriting    rewrite, if, limit_except
    conditions   what if asks
    verdicts     what a step says
    errorpages   what is answered in place of error pages
    passage      phases that may wait: limits, access, scripts
    restrictions which of them a location has
    limits       rates and numbers of requests
    realip       where clients behind a proxy are
    announced    connections that a proxy announces
    access       addresses; satisfy
    auth         passwords of requests
    authrequest  the word of another location; mirrors
    subrequest   a request of our own, for a client's
    passwords    password files
    contents     what a location does: return, echo, nothing
    files        plain files
    filepaths    where they are
    filebody     sending them at the client's speed
    ranges       parts of them; conditions on a request
    tryfiles     the first of several
    autoindex    lists of folders
    added        fields that a location adds
    forwards     proxy_pass: which group is asked, and for which target
    literals     groups of targets that are no upstream by name
    attempt      forwarding one request: peers tried in turn, retries, the answer passed on
    requestbody  a request's body, framed and kept
    waiting      a request that waits for a server to have room
    resolving    targets that requests bring and that are looked up
    shaping      what a location changes of what it forwards
    headfilter   of servers' heads
    cookies      of cookies and redirects
    accel        servers that send a request elsewhere
    pacing       answers that go out slowly
    binding      connections from an address of ours
    departed     clients that leave
    secured      TLS towards clients
    securedial   TLS towards servers: what may be shared, and the handshake
    tlsvariables what ``$ssl_…`` read
    peerlink     a connection to a server
    requesthead  the head that is sent to a server
    answers      our own responses and error pages
    variables    what ``$name`` reads
    answervariables  of files and answers
    deadlines    time limits, swept
    unsent       whether a slow client takes anything at all
    tallies      what was counted
    plane        what all connections of a process share
    webresource  a Twisted web resource behind a location
    resource     the reverse: this proxy as a Twisted web resource

Here time is money: nothing in the path of a request without failures makes a Deferred, a closure, a timer or a log
event.  The upstream map is read, never written; ``control`` is not known here.
"""
