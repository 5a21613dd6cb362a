package main

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// median is the middle value, NaN of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// mad is the median of the distances from the median: a measure of spread that one bad repetition does not change.
func mad(values []float64) float64 {
	m := median(values)
	distances := make([]float64, len(values))
	for i, v := range values {
		distances[i] = math.Abs(v - m)
	}
	return median(distances)
}

// percentile is the value of a sorted list that p of 100 values do not exceed (nearest rank); zero of nothing.
func percentile[T cmp.Ordered](sorted []T, p int) T {
	if len(sorted) == 0 {
		var zero T
		return zero
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// ratios compares repetition with repetition: those of one round ran within seconds of one another, on a machine in the same state.
func ratios(values, to []float64) []float64 {
	n := min(len(values), len(to))
	list := make([]float64, 0, n)
	for i := range n {
		if to[i] > 0 {
			list = append(list, values[i]/to[i])
		}
	}
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }
