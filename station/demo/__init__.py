"""The demonstration: the shipped processes on simulated hardware, driven the way an officer drives them."""
