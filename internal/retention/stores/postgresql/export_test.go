package postgresql

// WithStripe makes pods take turns every so many blocks.
func WithStripe(d *Driver, blocks int64) *Driver {
	return &Driver{Dir: d.Dir, Plan: d.Plan, Hasher: d.Hasher, stripe: blocks}
}
