{{/* Labels of every object. */}}
{{- define "tagline.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/part-of: tagline
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The controllers' image: by digest if there is one, else by tag. */}}
{{- define "tagline.image" -}}
{{- $tag := .Values.image.tag | default (printf "v%s" .Chart.AppVersion) -}}
{{- if .Values.image.digest -}}
{{- printf "%s:%s@%s" .Values.image.repository $tag .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end }}

{{/*
Add the second of two maps to the first: maps are merged, lists are added, null takes away, all else replaces.
*/}}
{{- define "tagline.merge" -}}
{{- $into := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- $present := index $into $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $into $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" $present) -}}
{{- include "tagline.merge" (list $present $value) -}}
{{- else if and (kindIs "slice" $value) (kindIs "slice" $present) -}}
{{- $_ := set $into $key (concat $present $value) -}}
{{- else -}}
{{- $_ := set $into $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The settings of one controller, as YAML: those of all with its own. Takes the root context and the name. */}}
{{- define "tagline.settings" -}}
{{- $values := (index . 0).Values -}}
{{- $settings := deepCopy (pick $values "replicas" "logLevel" "args" "resources" "extraEnv" "extraVolumes" "extraVolumeMounts" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "podAnnotations" "podLabels" "podSecurityContext" "securityContext" "terminationGracePeriodSeconds" "serviceAccount") -}}
{{- include "tagline.merge" (list $settings (omit (index $values.controllers (index . 1) | default dict) "enabled")) -}}
{{- toYaml $settings -}}
{{- end }}

{{/* How pods spread: a constraint without a selector gets that of the Deployment. Takes constraints and label `app`. */}}
{{- define "tagline.spread" -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (dict "app" (index . 1))) -}}
{{- range index . 0 }}
- {{ toYaml . | nindent 2 | trim }}
{{- if not (hasKey . "labelSelector") }}
  {{- toYaml $selector | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
