package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Clients.
const (
	ClientSecret  = "shop-secret"
	ClientKey     = "shop-key"
	ClientRefresh = "shop-refresh"
)

const lifetime = 10 * time.Minute

// storage keeps clients and tokens in memory. What is not here is for flows with a browser, which no test uses.
type storage struct {
	op.Storage
	secret string
	key    *jose.JSONWebKey // of ClientKey
	signer signingKey

	mu      sync.Mutex
	tokens  map[string]string // ID of an access token → client
	refresh string            // the one that is valid
}

func newStorage(secret, refresh string, key *jose.JSONWebKey) *storage {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return &storage{secret: secret, refresh: refresh, key: key, signer: signingKey{signer}, tokens: map[string]string{}}
}

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	switch id {
	case ClientSecret, ClientRefresh:
		return client{id: id, method: oidc.AuthMethodBasic}, nil
	case ClientKey:
		return client{id: id, method: oidc.AuthMethodPrivateKeyJWT}, nil
	}
	return nil, errors.New("the client is unknown")
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if (id != ClientSecret && id != ClientRefresh) || s.secret == "" || secret != s.secret {
		return oidc.ErrInvalidClient().WithDescription("the secret is wrong")
	}
	return nil
}

// ClientCredentials and ClientCredentialsTokenRequest make the provider support that grant.
func (s *storage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{id}, Scopes: scopes}, nil
}

func (s *storage) GetKeyByIDAndClientID(_ context.Context, keyID, id string) (*jose.JSONWebKey, error) {
	if id != ClientKey || keyID != s.key.KeyID {
		return nil, errors.New("the key is unknown")
	}
	return s.key, nil
}

func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[id] = r.GetSubject()
	return id, time.Now().Add(lifetime), nil
}

// CreateAccessAndRefreshTokens replaces the refresh token: each is good for one use.
func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	id, expires, err := s.CreateAccessToken(ctx, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if current == "" || current != s.refresh {
		return "", "", time.Time{}, op.ErrInvalidRefreshToken
	}
	s.refresh = rand.Text()
	return id, s.refresh, expires, err
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token == "" || token != s.refresh {
		return nil, op.ErrInvalidRefreshToken
	}
	return &refreshRequest{}, nil
}

// holder is whose access token it is.
func (s *storage) holder(id string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[id] == "" {
		return "", errors.New("the token is unknown")
	}
	return s.tokens[id], nil
}

func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, _, _ string) (err error) {
	info.Subject, err = s.holder(id)
	return err
}

func (s *storage) SetIntrospectionFromToken(_ context.Context, info *oidc.IntrospectionResponse, id, _, _ string) (err error) {
	info.ClientID, err = s.holder(id)
	return err
}

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.signer, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{verificationKey{s.signer}}, nil
}

// signingKey signs access tokens.
type signingKey struct{ private *ecdsa.PrivateKey }

func (k signingKey) ID() string                                  { return "server-1" }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                    { return k.private }

// verificationKey is its public part.
type verificationKey struct{ signingKey }

func (k verificationKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k verificationKey) Use() string                        { return "sig" }
func (k verificationKey) Key() any                           { return k.private.Public() }

// refreshRequest is what the refresh tokens stand for.
type refreshRequest struct{ scopes []string }

func (r *refreshRequest) GetAMR() []string                 { return nil }
func (r *refreshRequest) GetAudience() []string            { return []string{ClientRefresh} }
func (r *refreshRequest) GetAuthTime() time.Time           { return time.Now() }
func (r *refreshRequest) GetClientID() string              { return ClientRefresh }
func (r *refreshRequest) GetScopes() []string              { return slices.Clone(r.scopes) }
func (r *refreshRequest) GetSubject() string               { return ClientRefresh }
func (r *refreshRequest) SetCurrentScopes(scopes []string) { r.scopes = scopes }

// client is a registered client; those with a key get JWTs, the others opaque tokens.
type client struct {
	op.Client
	id     string
	method oidc.AuthMethod
}

func (c client) GetID() string               { return c.id }
func (c client) AuthMethod() oidc.AuthMethod { return c.method }
func (c client) GrantTypes() []oidc.GrantType {
	if c.id == ClientRefresh {
		return []oidc.GrantType{oidc.GrantTypeRefreshToken}
	}
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

func (c client) AccessTokenType() op.AccessTokenType {
	if c.method == oidc.AuthMethodPrivateKeyJWT {
		return op.AccessTokenTypeJWT
	}
	return op.AccessTokenTypeBearer
}

func (c client) ApplicationType() op.ApplicationType  { return op.ApplicationTypeWeb }
func (c client) IDTokenLifetime() time.Duration       { return lifetime }
func (c client) ClockSkew() time.Duration             { return 0 }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c client) IsScopeAllowed(string) bool           { return true }
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}
func (c client) RestrictAdditionalIdTokenScopes() func(scopes []string) []string {
	return slices.Clone[[]string]
}
