// Package ratelimit holds gateways that share limits against a real redis-server: under load, while the server is paused, killed
// and started again.
package ratelimit
