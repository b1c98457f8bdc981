//! Bytes on the wire: frames, ids, subscription requests, and the client's side of them.
