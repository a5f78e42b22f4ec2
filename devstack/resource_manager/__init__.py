"""A stand-in for Azure Resource Manager on loopback: our reading of what Azure does, in memory and over https.

It is for tests and for trying the Azure backend without Azure. It proves that the client speaks the protocol and that
our logic bears what it may answer, not that Azure answers so. Where a behaviour was read in a recording of real Azure,
the code says "recorded"; what it shows while a resource is being made is an assumption.
"""
