# syntax=docker/dockerfile:1
# Three images from one file, one target a program:
#   docker build --target manager -t carrier-operator/manager .      (likewise gateway, purger)
# `make images` builds the same images without a container engine.

FROM --platform=$BUILDPLATFORM golang:1.27.3-bookworm AS build
ARG TARGETOS=linux
ARG TARGETARCH
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags timetzdata -ldflags="-s -w" -o /out/ ./cmd/manager ./cmd/gateway ./cmd/purger

# A static binary needs the public certificate authorities beside itself; time zones are compiled in (timetzdata).
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A number, so that runAsNonRoot can be checked without a passwd file.
USER 65532:65532

FROM base AS manager
COPY --from=build /out/manager /manager
ENTRYPOINT ["/manager"]

FROM base AS gateway
COPY --from=build /out/gateway /gateway
ENTRYPOINT ["/gateway"]

FROM base AS purger
COPY --from=build /out/purger /purger
ENTRYPOINT ["/purger"]
