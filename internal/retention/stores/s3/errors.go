package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// neededPermissions are what a login needs on a rule's bucket.
const neededPermissions = "s3:ListBucketVersions, s3:ListBucketMultipartUploads, s3:DeleteObjectVersion, s3:DeleteObject, s3:AbortMultipartUpload, " +
	"s3:GetBucketVersioning, s3:GetBucketObjectLockConfiguration, s3:GetObjectRetention and s3:GetObjectLegalHold"

// Codes of S3's errors that mean something of their own here.
var (
	codesPrivilege = []string{"AccessDenied", "AllAccessDisabled", "AccountProblem"}
	codesLogin     = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidTokenId", "InvalidToken", "ExpiredToken", "InvalidSecurity", "NotSignedUp"}
	codesRegion    = []string{"AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "PermanentRedirect", "TemporaryRedirect", "InvalidRegion", "IllegalLocationConstraintException"}
	codesBucket    = []string{"NoSuchBucket", "InvalidBucketName"}
	codesNothing   = []string{"NotImplemented", "MethodNotAllowed", "NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError",
		"NoSuchLifecycleConfiguration", "ReplicationConfigurationNotFoundError", "ReplicationConfigurationNotFound"}
)

// codeOf is the code of a store's error; empty: it is another one.
func codeOf(err error) string {
	answer, _ := errors.AsType[minio.ErrorResponse](err)
	return answer.Code
}

// isDoubtful says that a request may have changed something although it failed. Errors of single keys have no status.
func isDoubtful(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return !ok || answer.Code == "" || (answer.StatusCode >= http.StatusInternalServerError && answer.StatusCode != http.StatusServiceUnavailable)
}

func hasCode(err error, codes []string) bool { return slices.Contains(codes, codeOf(err)) }

// classify turns an error of the store into what the engine understands. The store's own message is left out: it may quote keys.
func classify(ctx context.Context, err error) error {
	var failure *retention.Failure
	if err == nil || errors.As(err, &failure) || errors.Is(err, retention.ErrBusy) || errors.Is(err, retention.ErrUnreachable) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return connecting(err)
	}
	switch code := answer.Code; {
	case slices.Contains(codesLogin, code):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store refused the login (%s): check accessKeyID and secretAccessKey in the store's Secret", code)
	case slices.Contains(codesRegion, code):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the bucket is in another region (%s): correct host and region in the store's Secret", code)
	case code == "RequestTimeTooSkewed":
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store refused the login (%s): its clock and the purger's differ too much, set both by NTP", code)
	case slices.Contains(codesPrivilege, code):
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the store refused for lack of a permission (%s): grant the login %s", code, neededPermissions)
	case slices.Contains(codesBucket, code):
		return retention.Fail(v1alpha1.ReasonTableNotFound, "there is no such bucket (%s): correct the collection, or host and region in the store's Secret", code)
	case answer.StatusCode == http.StatusForbidden:
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the store refused (%d): grant the login %s", answer.StatusCode, neededPermissions)
	default:
		return fmt.Errorf("%w (%s, status %d)", retention.ErrBusy, code, answer.StatusCode)
	}
}

// connecting turns an error of the connection into what the engine understands.
func connecting(err error) error {
	if stores.IsTLS(err) {
		return stores.TLSFailed(err)
	}
	return fmt.Errorf("%w: %s", retention.ErrUnreachable, stores.Cause(err))
}
