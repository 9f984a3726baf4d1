"""What runs in the peers' own environments: plain scripts that a user of each peer would write."""
