"""What a location changes of what is forwarded.

shaping      which of these a location has
headfilter   of servers' heads
cookies      of cookies and redirects
added        fields that a location adds
accel        servers that send a request elsewhere
pacing       answers that go out slowly
"""
