"""A simulated city of Dayton's size with a mediation unit, and police and fire around it.

``model`` holds every number it is made of, published or assumed; ``calls`` makes the events of one call;
``city`` streams all calls in the order of time, with clocks; ``sending`` sends them. Everything it says is
marked as simulated.
"""
