"""What a network predicts, whatever it is made of: predictors for labelling and distilling."""
