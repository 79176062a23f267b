// Package policies runs the examples of the policies' pages.
package policies
