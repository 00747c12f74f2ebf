//! Host end of each instance's link, and the RDP server
