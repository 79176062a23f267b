// Command aws is the gateway's entry point on AWS Lambda (runtime provided.al2023): event in, handler, event out.
//
// One binary answers four fronts, told apart by the event's own shape: API Gateway REST APIs, API Gateway HTTP APIs
// (payload format 2.0), Lambda function URLs, and Application Load Balancers with single-value or multi-value headers.
// Whatever the front, the handler sees the request that a plain HTTP server would have seen, as far as the event still
// carries it, and its response is carried back by the rules of net/http.
//
// What no event carries, and so cannot be given back:
//   - HTTP APIs decode the path: a client's %2F arrives as "/" and %2541 as "%41". Everything else about the path is
//     exact. Function URLs, REST APIs and load balancers keep it encoded.
//   - REST APIs and load balancers send the query as a map: the order of different keys is lost (they are sorted here,
//     so that equal requests stay equal), the order of one key's values is kept, and "?a" is told as "?a=".
//   - Load balancers in single-value mode send only the last of a repeated header or query key.
//   - API Gateway and function URLs join repeated request headers with commas, which HTTP holds to be the same
//     (RFC 9110, section 5.3). They are passed on joined: splitting at commas would break dates and quoted strings.
//   - Certificates of clients come with the events of API Gateway alone. Load balancers tell of them in headers, which nothing here says that they
//     write over a client's; what they tell is not believed.
package main
