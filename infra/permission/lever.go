package permission

// lever is what whoever runs drills has to be allowed beside looking: to give a region's function one variable more, and to take it away
// again. It is for another identity than the deployer's, which has all of it and much more.
var lever = map[string]Need{
	// A version is published, the alias moved to it and back, and the version removed: on versions alone may DeleteFunction be used, so that
	// no function can go. Source: "Fine-tuning the Resources and Conditions sections of policies", "Actions that operate on a function can be
	// restricted to a specific function by function, version, or alias ARN", docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html.
	AWS: {Resources: functions, Actions: []string{
		"lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction", "lambda:PublishVersion", "lambda:UpdateAlias", "lambda:UpdateFunctionConfiguration"}},
	// The function is built anew, as its accounts: whoever updates it acts as them. Source: "Cloud Functions IAM roles", roles/
	// cloudfunctions.developer, and "Cloud Functions API IAM permissions", docs.cloud.google.com/functions/docs/reference/iam/permissions.
	Google: {API: "cloudfunctions.googleapis.com", Roles: []string{"roles/cloudfunctions.developer", "roles/iam.serviceAccountUser"}},
	// Source: "Azure permissions for Web", learn.microsoft.com/azure/role-based-access-control/permissions/web-and-mobile.
	Azure: {Actions: []string{"Microsoft.Web/sites/config/list/action", "Microsoft.Web/sites/config/read", "Microsoft.Web/sites/config/write", "Microsoft.Web/sites/read"}},
}

// versions are the published versions and the aliases of the functions, and not the functions.
var versions = []string{"arn:aws:lambda:*:*:function:polygate-*:*"}

// Lever is what a cloud has to allow whoever runs drills there; false for one on which no drill is run.
func Lever(cloud string) (Need, bool) {
	n, ok := lever[cloud]
	return n, ok
}

// LeverPolicy is the IAM policy of whoever runs drills on AWS, as JSON.
func LeverPolicy() (string, error) {
	return text(document{version, []statement{
		{Sid: "Drills", Effect: "Allow", Action: lever[AWS].Actions, Resource: append([]string{versions[0]}, functions...)},
		{Sid: "DrillVersions", Effect: "Allow", Action: []string{"lambda:DeleteFunction"}, Resource: versions},
	}})
}
