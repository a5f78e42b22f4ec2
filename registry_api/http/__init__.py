"""The doors: parse a request, make one service call, render the answer."""
