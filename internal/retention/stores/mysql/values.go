package mysql

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Kinds of columns, as the catalog calls them.
var (
	integers  = []string{"tinyint", "smallint", "mediumint", "int", "bigint", "year"}
	texts     = []string{"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
	binaries  = []string{"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
	keyable   = []string{"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "char", "varchar", "binary", "varbinary", "date", "datetime", "timestamp", "uuid"}
	uuid      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	decimals  = regexp.MustCompile(`^[+-]?([0-9]{1,35})([.]([0-9]{1,30}))?$`)
	dateTimes = []string{"2006-01-02 15:04:05.999999", time.DateOnly, "2006-01-02T15:04:05.999999Z07:00"}
)

func (c *column) isText() bool { return slices.Contains(texts, c.kind) }

// exact is the column in a form that compares byte by byte with value.
func (c *column) exact(column part) part {
	if c.isText() {
		return compose("CAST(CONVERT(% USING utf8mb4) AS BINARY)", column)
	}
	return column
}

// value is a text as a value of the column's type, to be compared with exact. Its error names no value.
func (c *column) value(v string) (part, error) {
	switch {
	case c.isText(), slices.Contains(binaries, c.kind):
		return value([]byte(v)), nil
	case slices.Contains(integers, c.kind):
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return value(n), nil
		}
		if n, err := strconv.ParseUint(v, 10, 64); err == nil {
			return value(n), nil
		}
	case c.kind == "decimal" && decimals.MatchString(v):
		return compose("CAST(% AS DECIMAL(65, 30))", value(v)), nil
	case c.kind == "date", c.kind == "datetime", c.kind == "timestamp":
		for _, layout := range dateTimes {
			if at, err := time.Parse(layout, v); err == nil && at.UTC().Year() >= 1 && at.UTC().Year() <= 9999 {
				return compose("CAST(% AS DATETIME(6))", value(at.UTC().Format("2006-01-02 15:04:05.000000"))), nil
			}
		}
	case c.kind == "uuid" && uuid.MatchString(v):
		return compose("CAST(% AS UUID)", value(v)), nil
	case c.kind == "float", c.kind == "double":
		if n, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return value(n), nil
		}
	}
	return part{text: "NULL"}, fmt.Errorf("cannot be read as its type %s", c.full)
}

// stored is a text as a value that is assigned to the column.
func (c *column) stored(v string) part {
	if c.isText() {
		return value(v)
	}
	p, _ := c.value(v) // Inspect checked it
	return p
}

// checkFilter makes sure that a filter's values can be values of its column, and be compared with it. Its errors name no value.
func (c *column) checkFilter(f retention.Filter) error {
	for _, v := range f.Values {
		_, err := c.value(v)
		if err != nil || c.kind == "float" || c.kind == "double" {
			return fmt.Errorf("the values for column %q cannot be read as, or compared as, its type %s: correct them", f.Field, c.full)
		}
	}
	return nil
}

// checkConstant makes sure that the store keeps a constant as it is: one that it changes would be due again for ever.
func (c *column) checkConstant(f retention.Anonymize) error {
	if _, err := c.value(f.Value); err != nil || !c.keeps(f.Value) {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the constant for column %q does not fit its type %s exactly: correct it", f.Name, c.full)
	}
	return nil
}

func (c *column) keeps(v string) bool {
	switch c.kind {
	case "char":
		return utf8.RuneCountInString(v) <= int(c.chars) && !strings.HasSuffix(v, " ")
	case "varchar":
		return utf8.RuneCountInString(v) <= int(c.chars)
	case "enum", "set":
		return strings.Contains(c.full, "'"+strings.ReplaceAll(v, "'", "''")+"'") && (c.kind == "enum" || !strings.Contains(v, ","))
	case "binary":
		return len(v) == int(c.octets)
	case "decimal":
		return c.keepsDecimal(v)
	case "float":
		n, _ := strconv.ParseFloat(v, 64)
		return float64(float32(n)) == n
	case "date":
		_, err := time.Parse(time.DateOnly, v)
		return err == nil
	case "datetime", "timestamp":
		_, fraction, _ := strings.Cut(v, ".")
		return len(strings.TrimRight(fraction, "0Z")) <= int(c.fraction)
	case "year":
		n, _ := strconv.Atoi(v)
		return n == 0 || (n >= 1901 && n <= 2155)
	case "double", "uuid":
		return true
	}
	if slices.Contains(integers, c.kind) {
		return c.keepsInteger(v)
	}
	return int64(len(v)) <= c.octets
}

func (c *column) keepsInteger(v string) bool {
	bits := map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[c.kind]
	n, ok := new(big.Int).SetString(v, 10)
	if !ok {
		return false
	}
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), bits)
	if !c.unsigned {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	return n.Cmp(low) >= 0 && n.Cmp(high) < 0
}

func (c *column) keepsDecimal(v string) bool {
	digits := decimals.FindStringSubmatch(v)
	whole, fraction := strings.TrimLeft(digits[1], "0"), strings.TrimRight(digits[3], "0")
	return int64(len(fraction)) <= c.scale && int64(len(whole)) <= c.precision-c.scale && (!c.unsigned || !strings.HasPrefix(v, "-"))
}
