package stores

// Parts of a pattern for text clocks (RFC 3339, section 5.6), in the syntax that PostgreSQL, MySQL and MariaDB have in common.
const (
	// DatePattern matches dates that exist, from the year 1000 on.
	DatePattern = "(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))" +
		"|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
	// TimePattern matches a time of day. Leap seconds are not among them.
	TimePattern = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?"
)
