"""Who may ask, how often, and who it is.

restrictions which of these phases a location has
addresses    allow and deny; satisfy
auth         passwords of requests
passwords    password files
authrequest  the word of another location; mirrors
limits       rates and numbers of requests
realip       where clients behind a proxy are
referers     where requests come from
securelinks  links that somebody made who knows the secret
tlvs         what else a proxy says
announced    connections that a proxy announces (the PROXY protocol)
"""
