"""What a network is: layers, the network, architectures, the checked plan."""
