//! Measurements: the hot path piece by piece, and whole runs.
