//go:build !without_zones

package gateway

import _ "time/tzdata" // not every function's image has the time zone database
