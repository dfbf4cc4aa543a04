"""Studies that train: what each one varies, its results, and what it leaves in its folder."""
