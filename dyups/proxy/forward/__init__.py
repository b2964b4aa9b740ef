"""``proxy_pass``: from a request to a server's answer.

forwards     which group is asked, and for which target
literals     groups of targets that are no upstream by name
resolving    targets that requests bring and that are looked up
plan         all about forwarding that does not change from request to request
faults       what each way of failing means
attempt      forwarding one request: peers tried in turn, retries, the answer passed on
waiting      a request that waits for a server to have room
requesthead  the head that is sent to a server
requestbody  a request's body, framed and kept
peerlink     a connection to a server
pairing      a client and its server: who waits for whom
binding      connections from an address of ours
relay        an answer on its way to the client
departed     clients that leave
"""
