"""What keeps the house: set-up, pins, pages made from the code."""
