"""This room's part of the API, below /api/v1/."""

from django.urls import path

from evaluation import api

urlpatterns = [
    path("projects/<slug:slug>/scorecards/", api.Scorecards.as_view()),
    path("projects/<slug:slug>/release-rules/", api.RulesList.as_view()),
    path("projects/<slug:slug>/campaigns/", api.Campaigns.as_view()),
    path("scorecards/<int:pk>/", api.ScorecardView.as_view()),
    path("scorecards/<int:pk>/export/", api.ScorecardExport.as_view()),
    path("scorecards/<int:pk>/rescore/", api.ScorecardRescore.as_view()),
    path("campaigns/<int:pk>/items/next/", api.NextItem.as_view()),
    path("campaigns/<int:pk>/raters/", api.CampaignRaters.as_view()),
    path("campaigns/<int:pk>/close/", api.CampaignClose.as_view()),
    path("campaigns/<int:pk>/results/", api.CampaignResults.as_view()),
    path("campaigns/<int:pk>/agreement/", api.CampaignAgreement.as_view()),
    path("items/<uuid:pk>/ratings/", api.ItemRatings.as_view()),
    path("items/<uuid:pk>/release/", api.ItemRelease.as_view()),
    path("items/<uuid:pk>/draft/", api.ItemDraft.as_view()),
]
