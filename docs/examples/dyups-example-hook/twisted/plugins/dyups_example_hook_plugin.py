"""Makes the hook and the balancer known: Twisted looks at every module of this package."""

from dyups_example_hook import ByHeaderMaker, TenantHookMaker

tenant = TenantHookMaker()
by_header = ByHeaderMaker()
