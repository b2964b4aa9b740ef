"""The data plane: from an accepted connection to a forwarded request and back.

    listener     one listening address: accepts, knows its servers
    downstream   a client's connection, the half that takes in: heads and bodies
    phases       a request through nginx's phases, and elsewhere within the server
    answering    the half that gives out: answers, keep-alive
    pace         what holds for a connection whatever it serves: back-pressure, limits, its end
    unsent       whether a slow client takes anything at all
    browsers     clients whose connections are not kept
    exchange     one request and what became of it; what variables read
    client       what serves a request sees of its client
    route        which server, which location; compiled once from the settings
    contents     what a location does: return, echo, nothing; which phases it has
    passage      phases that may wait: limits, access, scripts
    scripting    what scripts add to them
    context      what the error log says of a request
    serving      what a content is
    answers      our own responses and error pages
    errorpages   what is answered in place of error pages
    subrequest   a request of our own, for a client's
    variables    what ``$name`` reads
    answervariables  of files and answers
    clientvariables  of connections and time
    deadlines    time limits, swept
    tallies      what was counted
    plane        what all connections of a process share
    webresource  a Twisted web resource behind a location
    resource     the reverse: this proxy as a Twisted web resource

In rooms of their own:

    rewrite/     the rewrite phase: steps, what they say, conditions
    access/      who may ask, how often, and who it is
    forward/     proxy_pass: groups of servers, attempts, connections to servers, answers passed on
    filters/     what a location changes of answers
    files/       plain files
    secure/      TLS towards clients and servers
    http2/       HTTP/2 towards clients

Here time is money: nothing in the path of a request without failures makes a Deferred, a closure, a timer or a log
event.  The upstream map is read, never written; ``control`` is not known here.
"""
