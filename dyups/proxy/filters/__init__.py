"""What a location changes of answers.

shaping      which of these a location has
headfilter   of servers' heads
cookies      of cookies and redirects
added        fields that a location adds
visitors     cookies that tell visitors apart
accel        servers that send a request elsewhere
between      what stands between an answer and its client
pacing       answers that go out slowly

Bodies that become others:

bodies       which of these a location has, in which order
answerhead   the head while they look at it
gzipping     compression
gunzipping   the reverse
substituting  texts that are replaced
accepting    which clients take it
coding       the coders themselves
coded        an answer on its way through a coder
relayed      servers' answers through it
"""
