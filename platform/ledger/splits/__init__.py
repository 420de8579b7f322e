"""Revenue splits on integers: rules, the waterfall of a sale, and everything that can happen to it afterwards. Pure."""
