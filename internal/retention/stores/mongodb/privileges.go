package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// privilege as connectionStatus tells it.
type privilege struct {
	Resource struct {
		// DB and Collection; empty: any.
		DB         *string `bson:"db"`
		Collection *string `bson:"collection"`
		Any        bool    `bson:"anyResource"`
	} `bson:"resource"`
	Actions []string `bson:"actions"`
}

// grants says whether the privilege allows an action on a collection. A collection without a name, as for any, leaves out system.*.
func (p *privilege) grants(db, collection, action string) bool {
	r := p.Resource
	within := r.Any || (r.DB != nil && r.Collection != nil && (*r.DB == "" || *r.DB == db) && (*r.Collection == "" || *r.Collection == collection))
	return within && slices.Contains(p.Actions, action)
}

// inspectPrivileges fails if the login may not do what the rules need, if the store tells.
func (s *session) inspectPrivileges(ctx context.Context, rules []retention.Rule) (warnings []string, err error) {
	var reply struct {
		Info struct {
			Privileges []privilege `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	err = s.client.Database(admin).RunCommand(ctx, bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}).Decode(&reply)
	if err != nil {
		return nil, err
	}
	if reply.Info.Privileges == nil {
		return []string{"the store does not tell what the login may do: a privilege that is missing shows only when it is needed"}, nil
	}
	for i := range rules {
		if err := checkPrivileges(reply.Info.Privileges, s.db.Name(), &rules[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func checkPrivileges(privileges []privilege, db string, rule *retention.Rule) error {
	actions := []string{"find", "remove"}
	if len(rule.Fields) > 0 {
		actions[1] = "update"
	}
	for _, action := range actions {
		if !slices.ContainsFunc(privileges, func(p privilege) bool { return p.grants(db, rule.Collection, action) }) {
			return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "rule %s: the user may not %s on %s.%s: grant it a role that may, for example readWrite",
				rule.Name, action, db, rule.Collection)
		}
	}
	return nil
}
