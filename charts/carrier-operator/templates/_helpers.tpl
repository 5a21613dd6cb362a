{{/* Name of all objects of the release. */}}
{{- define "carrier-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "carrier-operator.serviceAccount" -}}
{{- default (include "carrier-operator.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Labels by which the Deployment knows its pods: they can never change. */}}
{{- define "carrier-operator.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "carrier-operator.labels" -}}
{{ include "carrier-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image's reference; takes a list: the context, and an entry of images. */}}
{{- define "carrier-operator.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/*
The generated rules of the manager, of one scope: a list of the context and "Cluster" or "Namespace". Cluster are resources that have no
namespace, and events, which for an object without a namespace are written to "default".
*/}}
{{- define "carrier-operator.rules" -}}
{{- $root := index . 0 -}}
{{- $scope := index . 1 -}}
{{- $unscoped := list "carrierprofiles" "clusterissuers" "clusternetworkpolicies" "events" "namespaces" -}}
{{- $rules := list -}}
{{- range ($root.Files.Get "files/manager-role.yaml" | fromYaml).rules -}}
  {{- $resources := list -}}
  {{- range .resources -}}
    {{- if eq (has . $unscoped) (eq $scope "Cluster") }}{{- $resources = append $resources . }}{{- end -}}
  {{- end -}}
  {{- if $resources }}{{- $rules = append $rules (set (deepCopy .) "resources" $resources) }}{{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}
