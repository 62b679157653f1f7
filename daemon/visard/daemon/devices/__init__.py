"""Linux video devices: what there is, who reads them, and the virtual camera's driver."""
