"""Fleet: the operator's side of the control plane, what `sfumato ctl` is made of."""
