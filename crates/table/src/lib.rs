//! The lock-free symbol table: works out what changed and lets any number of readers ask.
