//! The bailey command and the desktop daemon
