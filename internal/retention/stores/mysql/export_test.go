package mysql

// WithoutReturning makes a driver treat MariaDB as MySQL, which does not return the keys of what it deletes.
func WithoutReturning(d *Driver) *Driver {
	return &Driver{Dir: d.Dir, Plan: d.Plan, Hasher: d.Hasher, withoutReturning: true}
}
