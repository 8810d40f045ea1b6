"""The second, independent implementation of DEFINITIONS.md: plain, slow, and the judge of the product."""
