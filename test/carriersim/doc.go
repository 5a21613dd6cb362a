// Package carriersim is test equipment: a TLS server that behaves like the public APIs of parcel carriers where those
// behave unlike a textbook server, and that tells what it received. Nothing in the product imports it.
//
// It plays UPS and FedEx under their real host names, and two plain carriers for API keys and HTTP Basic under
// *.carrier.example. Which carrier answers is decided by the Host header; "localhost" and 127.0.0.1 play all of them.
//
//	UPS     POST   /security/v1/oauth/token                      client_secret_basic only; expires_in and issued_at are strings
//	        POST   /api/rating/{version}/{option}                option Rate or Shop
//	        POST   /api/shipments/{version}/ship                 label GIF or ZPL, base64
//	        DELETE /api/shipments/{version}/void/cancel/{id}
//	        GET    /api/track/v1/details/{inquiryNumber}         needs the headers transId and transactionSrc
//	FedEx   POST   /oauth/token                                  credentials in the form body; penalty box per source address
//	        POST   /rate/v1/rates/quotes
//	        POST   /ship/v1/shipments                            label PDF, PNG or ZPLII, base64
//	        POST   /track/v1/trackingnumbers
//	API key POST   /v1/rates, GET /v1/parcels/{number}           X-API-Key, optionally X-API-Uid
//	Basic   the same paths under another host                    Authorization: Basic
//
// FedEx answers are always gzip, asked for or not. Prices follow from the request alone (see [Quote]), so a test can tell
// a computed answer from a canned one. Accounts, faults, certificates, client authentication and limits change at run time,
// by methods of [Server] or over the control API (see control.go).
//
// Field names, hosts, paths, token lifetimes and limits are the carriers' published ones. Error codes are those that
// users of the APIs report; where none is known the message names the missing thing and the code is only a stand-in.
//
// Time that decides (token expiry, windows, quotas, latency of faults) comes from the injected clock. Certificates follow
// the wall clock, because the peers that verify them do.
package carriersim
