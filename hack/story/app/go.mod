module tagline.dev/hack/story/app

go 1.26.0
