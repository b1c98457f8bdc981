//! Real stand-ins for tests: a venue emulator, a slow client, contract checks for adapters.
