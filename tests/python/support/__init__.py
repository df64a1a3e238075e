"""What tests share: installations on a state folder of their own, builds in a forked process, servers."""
