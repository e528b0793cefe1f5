"""The byte formats of reader protocols, without any link: bytes to messages and back, shared by driver and peer."""
