"""The promises of Leganize, each kept by a test whose name is a sentence."""
